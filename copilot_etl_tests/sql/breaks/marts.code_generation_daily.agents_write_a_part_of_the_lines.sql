update marts.code_generation_daily set agent_loc_changed_28d = ide_loc_changed_28d + 1
