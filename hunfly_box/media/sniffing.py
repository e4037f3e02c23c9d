"""What a file is, by its bytes. What the sender says it is counts only where the bytes agree or say nothing."""

import re
import unicodedata

import filetype

OCTETS = "application/octet-stream"
# How much of a file is looked at.
HEAD_BYTES = 8192

# Shown inside our pages. Everything else is a download, whatever it calls itself: SVG and HTML can hold programs.
INLINE = {
    "image/jpeg",
    "image/png",
    "image/webp",
    "image/gif",
    "video/mp4",
    "audio/ogg",
    "audio/mpeg",
    "audio/mp4",
    "application/pdf",
}
# What people may send, by the ending of its name. Programs, scripts and pages are not among it, nor macros.
SENDABLE = frozenset(
    ending
    for kind in (
        "jpg jpeg jfif png webp gif bmp tif tiff heic heif avif psd ai eps cdr",
        "mp4 m4v mov 3gp 3gpp webm mkv avi mpg mpeg mp3 m4a aac ogg oga opus wav amr flac weba",
        "pdf txt csv tsv rtf md log json xml vcf ics ofx ret rem p7s eml",
        "doc docx dotx xls xlsx xltx ppt pptx ppsx odt ods odp odg epub pages numbers key dwg dxf",
        "zip rar 7z gz tar bin",
    )
    for ending in kind.split()
)
ENDING = re.compile(r"\.([A-Za-z0-9]*[A-Za-z][A-Za-z0-9]*)")
# By their bytes, whatever they are called.
PROGRAMS = {"application/x-msdownload", "application/x-executable"}
# The sniffer's words, in those the rest of the program uses.
ALIASES = {
    "audio/x-m4a": "audio/mp4",
    "audio/m4a": "audio/mp4",
    "audio/mp3": "audio/mpeg",
    "audio/opus": "audio/ogg",
    "application/ogg": "audio/ogg",
    "video/x-m4v": "video/mp4",
    "video/quicktime": "video/mp4",
    "image/jpg": "image/jpeg",
}
# Containers whose bytes do not tell sound from film.
BOTH_WAYS = {("video/webm", "audio/webm"), ("video/mp4", "audio/mp4"), ("video/3gpp", "audio/3gpp")}
ZIP_FAMILY = ("application/vnd.openxmlformats", "application/vnd.oasis", "application/zip", "application/epub+zip")
TEXT_LIKE = ("text/plain", "text/csv", "text/vcard", "text/x-vcard", "application/json", "text/calendar")
ACTIVE = re.compile(rb"<\s*(?:!doctype|html|svg|script|\?xml|iframe|body)", re.IGNORECASE)
MOST_NAME_LETTERS = 120


def mime_of(head: bytes, claimed: str | None) -> str:
    """`head` is the first HEAD_BYTES."""
    claim = _plain(claimed)
    guess = filetype.guess(head)
    found: str | None = ALIASES.get(guess.mime, guess.mime) if guess else None
    if found is None:
        return claim if claim in TEXT_LIKE and _is_text(head) else OCTETS
    if (found, claim) in BOTH_WAYS:
        return claim
    if found == "application/zip" and claim.startswith(ZIP_FAMILY):
        return claim
    return found


def is_inline(mime: str) -> bool:
    return mime in INLINE


def may_be_sent(mime: str, name: str | None) -> bool:
    """A name without an ending says nothing, nor does a number behind a dot: the bytes have to do."""
    _, dot, last = (name or "").rpartition(".")
    ending = ENDING.fullmatch(dot + last)
    return mime not in PROGRAMS and (ending is None or ending[1].lower() in SENDABLE)


def display_name(name: str | None) -> str | None:
    """A name to show and to save under: no folders, no control or direction signs, at most 120 letters."""
    if not name:
        return None
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    clean = "".join(sign for sign in last if unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Co")).strip(" .")
    if len(clean) <= MOST_NAME_LETTERS:
        return clean or None
    stem, dot, ending = clean.rpartition(".")
    if dot and len(ending) <= 10:
        return stem[: MOST_NAME_LETTERS - len(ending) - 1] + "." + ending
    return clean[:MOST_NAME_LETTERS]


def _plain(claimed: str | None) -> str:
    mime = (claimed or OCTETS).split(";", 1)[0].strip().lower()
    return ALIASES.get(mime, mime)


def _is_text(head: bytes) -> bool:
    if b"\0" in head or ACTIVE.search(head):
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The last letter may be cut by the 8 KiB.
        return error.start >= len(head) - 4
    return True
