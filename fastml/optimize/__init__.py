from fastml.optimize._linear_program import LinearProgram
