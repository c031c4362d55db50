update marts.ide_mix set share_of_generations = share_of_generations + 0.1
