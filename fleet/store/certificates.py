"""Which certificates of a room may still be in force: the newest, and those it had before that have not ended yet."""

from cryptography.x509 import load_pem_x509_certificate

from fleet.store.database import Transaction


async def note_certificate(tx: Transaction, room: str, certificate: str) -> None:
    """Keep what it takes to revoke a certificate later."""
    made = load_pem_x509_certificate(certificate.encode())
    until = int(made.not_valid_after_utc.timestamp() * 1000)
    await tx.execute(
        "INSERT INTO certificates (serial, room, until_at) VALUES ($1, $2, $3)", str(made.serial_number), room, until
    )


async def take_certificates(tx: Transaction, room: str, now: int) -> list[int]:
    """Return the serial numbers of all that are in force, and forget the room's."""
    rows = await tx.fetch("SELECT serial FROM certificates WHERE room = $1 AND until_at > $2", room, now)
    await tx.execute("DELETE FROM certificates WHERE room = $1", room)
    return [int(row["serial"]) for row in rows]
