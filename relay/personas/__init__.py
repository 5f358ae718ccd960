"""Personas: their files, and the system message and examples before a conversation.

`shipped/` holds the personas that come with the relay.
"""

from relay.personas.catalog import Personas, kept_personas, persona_files
from relay.personas.front_matter import PersonaError
from relay.personas.persona import Persona, preferred_language
from relay.personas.text import Language

__all__ = [
    "Language",
    "Persona",
    "PersonaError",
    "Personas",
    "kept_personas",
    "persona_files",
    "preferred_language",
]
