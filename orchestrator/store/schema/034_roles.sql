-- What a user may do at most is his role: viewer, runner, approver, editor, admin, each with those before it. Who was no
-- admin could log and register, and still can.
ALTER TABLE users ADD COLUMN role TEXT NOT NULL DEFAULT 'editor';
UPDATE users SET role = 'admin' WHERE is_admin = 1;
ALTER TABLE users DROP COLUMN is_admin;

-- A token's role lowers its user's. The scopes that there were say the same by other words.
ALTER TABLE tokens RENAME COLUMN scope TO role;
UPDATE tokens SET role = CASE role WHEN 'read' THEN 'viewer' WHEN 'admin' THEN 'admin' ELSE 'editor' END;

-- By what the actor was known to the server: 'password', 'token ID', 'step'; '' when it was the machine's account, or
-- sluice itself. The chain covers it where it is not ''.
ALTER TABLE activity ADD COLUMN means TEXT NOT NULL DEFAULT '';
