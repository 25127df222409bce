"""Tells which Content-Type is ActivityPub."""

_AS_PROFILE = "https://www.w3.org/ns/activitystreams"


def is_activity_json(content_type: str) -> bool:
    """`application/activity+json`, or `application/ld+json` with the ActivityStreams profile; nothing else."""
    media_type, *parameters = (part.strip() for part in content_type.split(";"))
    match media_type.lower():
        case "application/activity+json":
            return True
        case "application/ld+json":
            return any(_AS_PROFILE in _profiles(parameter) for parameter in parameters)
        case _:
            return False


def _profiles(parameter: str) -> list[str]:
    name, _, value = parameter.partition("=")
    return value.strip().strip('"').split() if name.strip().lower() == "profile" else []
