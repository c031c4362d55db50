insert into marts.schema_drift values (
    'octo-org', 'users-1-day', 'new_field', 'appeared', 'number', date '2026-11-08', date '2026-11-08', 1, 3, true
)
