"""Does anything here take more time than its input has characters, and a constant? `make hostile`
looks, in five minutes.

patterns   every regular expression of the project, found by reading its modules
attacks    texts against a pattern, derived from its parse tree
families   texts against everything else
scanners   what walks over text without a pattern, or with several
listed     what a test compares with the code, so that nothing is forgotten
timing     CPU time at n, 2n and 4n
"""
