"""Turn items and answers into beliefs; ask on while an answer is worth its price; then settle a label or a dispute."""
