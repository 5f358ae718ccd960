"""Personas: the shipped files, and the code that reads persona files.

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
