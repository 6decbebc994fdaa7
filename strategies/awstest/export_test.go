package awstest

// InputChecks returns what checks the input of each operation of the
// service that signs as name.
func InputChecks(name string) map[string]func(input map[string]any) error {
	checks := map[string]func(map[string]any) error{}
	for _, s := range New(Config{}).services {
		for op, o := range s.operations {
			if s.name == name {
				checks[op] = func(in map[string]any) error { return o.input("", in) }
			}
		}
	}
	return checks
}
