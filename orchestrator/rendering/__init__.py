"""Values to text: Jinja's only home (playbook expressions, libvirt XML), and the config drive.

Imports model, commands and templates. Rendering is pure: same values, same bytes. Never here: a decision about what to render.
"""
