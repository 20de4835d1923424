"""Open the database of a data folder, whatever state it was left in."""

import sqlite3

from cobenefit_gateway import rescue
from cobenefit_gateway.config import Config
from cobenefit_gateway.errors import DamagedError
from cobenefit_gateway.store import Store


def open_store(config: Config) -> Store:
    """Return the store of a data folder, its database rebuilt first when it is damaged.

    Parameters
    ----------
    config : Config
        Where the database is.

    Returns
    -------
    Store
        Verified; the journal from its position on is to be read again.

    Raises
    ------
    StorageError
        If it can't be rebuilt.
    """
    folder = config.data_dir
    try:
        if (folder / rescue.SUSPECT).exists():
            raise DamagedError("a damaged row was met")  # noqa: TRY301
        return _verified(config)
    except (sqlite3.DatabaseError, DamagedError, TypeError, ValueError) as err:
        # Locked, full, not readable: that is the disk's state, not the file's.
        if isinstance(err, sqlite3.OperationalError) and _code(err) != sqlite3.SQLITE_ERROR:
            raise
        rescue.restore(folder, err)
    store = _verified(config)
    store.begin_again()
    return store


def _verified(config: Config) -> Store:
    store = Store(config)
    try:
        store.verify()
    except BaseException:
        store.close()
        raise
    return store


def _code(err: sqlite3.Error) -> int:
    return err.sqlite_errorcode & 0xFF
