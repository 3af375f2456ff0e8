# Turn a text into a C string literal, line by line
s/["\\]/\\&/g
s/^/"/
s/$/\\n"/
