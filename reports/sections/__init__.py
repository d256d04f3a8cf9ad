"""The parts of a page that have a template of their own: what each says, in words."""
