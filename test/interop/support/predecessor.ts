/** A machine that the predecessor has: what is there before the daemons come, and what it must find after. */
import { DatabaseSync } from 'node:sqlite'

/** As its package makes the machine, and what a site of it has beside that. Commands of root. */
export const predecessorPackage = `groupadd --system fife
useradd --system --gid fife --home-dir /nowhere rexbatch
for directory in /etc/managed-tokens /var/lib/managed-tokens /var/lib/managed-tokens/service-credd-vault-tokens /var/log/managed-tokens; do
  install -d -m 0774 -o rexbatch -g fife $directory
done
chown rexbatch:fife /etc/managed-tokens/managedTokens.json /var/lib/managed-tokens/uid.db
echo 'a line' | install -o rexbatch -g fife /dev/stdin /var/log/managed-tokens/token-push.log
chown -R rexbatch:fife /opt/managed-tokens`

/** As its cron would: everything is where it was, and may be read and written. */
export const lookAsPredecessor = `runuser -u rexbatch -- sh -eux -c '
  cat /etc/managed-tokens/managedTokens.json /opt/managed-tokens/keytabs/* >/dev/null
  for file in /var/lib/managed-tokens/uid.db /var/log/managed-tokens/token-push.log; do test -r $file; test -w $file; done
  test -w /var/lib/managed-tokens; test -w /var/log/managed-tokens
  cd /var/lib/managed-tokens/service-credd-vault-tokens
  for file in vt_u$(id -u)-*; do test -r $file; test -w $file; done'
grep predecessor /etc/logrotate.d/managed-tokens
test -d /opt/managed-tokens -a ! -L /opt/managed-tokens
echo 'the predecessor goes on'`

/** With one account, and one failure of dune_production at one node. */
export function makePredecessorDatabase(file: string): void {
  const database = new DatabaseSync(file)
  database.exec(`PRAGMA application_id = ${0x5da82553};
    CREATE TABLE uids (username TEXT NOT NULL PRIMARY KEY, uid INTEGER NOT NULL);
    INSERT INTO uids VALUES ('somebody', 99);
    CREATE TABLE services (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE nodes (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
    CREATE TABLE setup_errors (service_id INTEGER, count INTEGER);
    CREATE TABLE push_errors (service_id INTEGER, node_id INTEGER, count INTEGER);
    INSERT INTO services VALUES (1, 'dune_production');
    INSERT INTO nodes VALUES (1, 'dunegpvm01.sandbox.test');
    INSERT INTO push_errors VALUES (1, 1, 1);`)
  database.close()
}
