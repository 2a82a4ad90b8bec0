"""What can be learnt from answers: what is true, how far annotators agree, and how sure one may be. Pure numpy."""
