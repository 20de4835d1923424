"""What can go wrong in the backend, split by who must act.

* BackendError
  x FactorError: a factor file or a request for a factor is wrong
  x InputError: an input file of the user is wrong

Bad *data* is not here: it becomes a `Disqualification` shown in the report.
"""


class BackendError(Exception):
    """Any error the backend raises on purpose."""


class FactorError(BackendError):
    """A factor row is unusable, or an unknown factor was asked for.

    Parameters
    ----------
    message : str
        What is wrong and what to do.
    file : str
        File name, empty for a request at run time.
    line : int
        Line in the file counted from 1, 0 when there is none. [1]
    key : str
        Factor id or column.
    """

    def __init__(self, message: str, *, file: str = "", line: int = 0, key: str = "") -> None:
        where = f"{file}:{line}: " if file else ""
        super().__init__(f"{where}{key}: {message}" if key else f"{where}{message}")
        self.file, self.line, self.key = file, line, key


class InputError(BackendError):
    """An input file cannot be used.

    Parameters
    ----------
    message : str
        What is wrong, and the allowed values or range.
    file : str
        File name.
    where : str
        Key (`$.length_km`) or line (`line 12`).
    """

    def __init__(self, message: str, *, file: str = "", where: str = "") -> None:
        super().__init__(": ".join(part for part in (file, where, message) if part))
        self.message, self.file, self.where = message, file, where
