update raw.user_day set used_copilot_coding_agent = true, used_copilot_cloud_agent = false
