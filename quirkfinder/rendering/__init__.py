"""The findings document for people and other tools: pure functions from a document to text; nothing flows back."""
