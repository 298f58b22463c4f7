"""What a test or a script needs of a satellite: the client, the pytest plugin, and what they find out about traces.

Light to install and to import: no server, nothing compiled that could conflict with the program under test.
"""
