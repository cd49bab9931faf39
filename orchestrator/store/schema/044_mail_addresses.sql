-- To which addresses mail of subscriptions may go: whoever reads it there has opened the link that was sent, or
-- config.yaml trusts the domain. A row for each time that it was asked; the newest of an actor and address counts.
CREATE TABLE mail_addresses (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    actor        TEXT NOT NULL,                 -- whose subscriptions may use it
    address      TEXT NOT NULL,
    asked_ms     INTEGER NOT NULL,
    expires_ms   INTEGER NOT NULL,              -- of the link
    confirmed_ms INTEGER,                       -- NULL: nobody has opened it
    means        TEXT                           -- by what it is good: from where the link was used, or 'config.yaml'
) STRICT;
CREATE INDEX mail_addresses_of_actor ON mail_addresses(actor, address);
CREATE INDEX mail_addresses_asked ON mail_addresses(asked_ms) WHERE confirmed_ms IS NULL;
