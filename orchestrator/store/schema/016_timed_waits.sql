-- Waits that must be looked at, with all that is asked of those that need no look yet: a home may have ten thousand
-- approvals without an end, which the engine has no reason to read.
CREATE INDEX waits_timed ON waits(id, check_ms, expires_ms)
    WHERE status = 'open' AND (check_ms IS NOT NULL OR expires_ms IS NOT NULL);
