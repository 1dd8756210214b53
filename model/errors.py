"""Every failure that OmniAgent raises on purpose, sorted by who can do something about it.

    OmniAgentError
    ├── CallerError (also a ValueError)   the request is wrong; asking again will fail again
    │   ├── BadImage                      a picture is missing, broken, too large or no picture
    │   ├── BadVideo                      a video is missing, broken, or holds no pictures
    │   ├── BadTask                       an instruction is empty, too long or not text
    │   ├── BadSetting                    a number, size or option outside its allowed range
    │   ├── BadCheckpoint                 a model folder that is incomplete, broken or not ours
    │   ├── UnknownModel                  a model path or hub name that does not exist
    │   └── OutputUnwritable              a result folder that cannot be written
    ├── RetryableError                    nothing is wrong with the request; later it may work
    │   ├── CriticUnavailable             the critic cannot be reached
    │   ├── CriticTimeout                 the critic did not answer before its deadline
    │   ├── CriticBadOutput               the critic answered something that cannot be read
    │   ├── GeneratorUnavailable          a generator behind a URL cannot be reached
    │   ├── HubUnreachable                the model hub cannot be reached
    │   └── QueueFull                     the runtime has no room for another request
    ├── HardFailure                       the machine or the model gave up
    │   ├── OutOfMemory                   a device has too little memory
    │   ├── StorageFull                   a disk has no room left
    │   └── GenerationFailed              the model produced no usable picture
    └── Cancelled                         the work was asked to stop

Messages name what was wrong, the value that was met, and what to do about it.
"""

from __future__ import annotations

from omniagent.model.wording import shown


class OmniAgentError(Exception):
    """Base of every error that OmniAgent raises on purpose."""


class CallerError(OmniAgentError, ValueError):
    """The request itself is wrong: asking the same again fails again."""


class BadImage(CallerError):
    """A picture is missing, broken, too large, or no picture at all."""


class BadVideo(CallerError):
    """A video is missing, broken, too short, or holds no pictures."""


class BadTask(CallerError):
    """An instruction is empty, too long or not text."""


class BadSetting(CallerError):
    """A number, size or option lies outside its allowed range."""


class BadCheckpoint(CallerError):
    """A model folder is incomplete, broken, unsafe or made for another model."""


class UnknownModel(CallerError):
    """A model path or hub name does not exist."""


class OutputUnwritable(CallerError):
    """A result folder cannot be created or written."""


class RetryableError(OmniAgentError):
    """A passing fault: the same request may work later."""


class CriticUnavailable(RetryableError):
    """The critic cannot be reached."""


class CriticTimeout(RetryableError):
    """The critic did not answer before its deadline."""


class CriticBadOutput(RetryableError):
    """The critic answered something that cannot be read."""


class GeneratorUnavailable(RetryableError):
    """A generator behind a URL cannot be reached, or cannot draw now."""


class HubUnreachable(RetryableError):
    """The model hub cannot be reached and no finished download is at hand."""


class QueueFull(RetryableError):
    """The runtime has no room for another request right now."""


class HardFailure(OmniAgentError):
    """The machine or the model gave up; neither the request nor time is to blame."""


class OutOfMemory(HardFailure):
    """A device has too little memory for the request."""


class StorageFull(HardFailure):
    """A disk has no room left for a result."""


class WorkerLost(HardFailure):
    """The process that carried a run out was killed or crashed."""


class GenerationFailed(HardFailure):
    """The model produced no usable picture, for example NaN latents."""


class Cancelled(OmniAgentError):
    """The work was asked to stop; what was finished is kept."""


def setting_out_of_range(name: str, value: object, allowed: str) -> BadSetting:
    """Build the one message form for settings: name, value met, allowed range.

    Args:
        name: The setting as the caller knows it, for example `num_inference_steps`.
        value: What the caller gave.
        allowed: The allowed range in words, for example `an integer from 1 to 1000`.
    """
    return BadSetting(f"{name}={shown(value)} is not allowed; give {allowed}")
