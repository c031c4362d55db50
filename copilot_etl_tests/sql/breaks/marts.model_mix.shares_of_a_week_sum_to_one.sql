update marts.model_mix set share_of_non_completion_generations = share_of_non_completion_generations + 0.1
