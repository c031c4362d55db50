insert into seeds.credit_pool values ('acme', null, 1, 1900)
