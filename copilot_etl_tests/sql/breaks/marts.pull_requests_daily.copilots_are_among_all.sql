update marts.pull_requests_daily set created_by_copilot = created + 1
