"""What can go wrong in the backend, split by who must act.

* BackendError
  x FactorError: a factor file or a request for a factor is wrong
  x InputError: an input file of the user is wrong
  x ConfigError: a setting of the operator is wrong
  x RequestError: a request of a gateway or a reader is refused, with its HTTP status

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
    kind : str
        Short stable word; a page says it in the language of its reader.
    """

    def __init__(self, message: str, *, file: str = "", where: str = "", kind: str = "") -> None:
        super().__init__(": ".join(part for part in (file, where, message) if part))
        self.message, self.file, self.where, self.kind = message, file, where, kind


class ConfigError(BackendError):
    """A setting is missing, unknown or outside its range; found before anything starts.

    Parameters
    ----------
    message : str
        What is allowed.
    file : str
        Configuration file.
    key : str
        Dotted key.
    value : object
        The value refused.
    """

    def __init__(self, message: str, *, file: str, key: str, value: object) -> None:
        super().__init__(f"{file}: {key} = {value!r}: {message}")
        self.file, self.key, self.value = file, key, value


class RequestError(BackendError):
    """A request is refused; becomes an `application/problem+json` answer.

    Parameters
    ----------
    status : int
        HTTP status, 400 to 499, or 501. [1]
    kind : str
        Short stable word for programs.
    detail : str
        What is wrong and what to do.
    retry_after_s : int, optional
        When to try again; 0: not by waiting. [s]
    """

    def __init__(self, status: int, kind: str, detail: str, *, retry_after_s: int = 0) -> None:
        super().__init__(f"{status} {kind}: {detail}")
        self.status, self.kind, self.detail = status, kind, detail
        self.retry_after_s = retry_after_s
