package awsapi

import "iter"

// A lookup finds values by names. It hashes a few letters of a name alone, which
// takes two thirds of the time of a map: classifying a request is little else
// than such questions. What is in it comes from the table, so that whoever asks
// cannot make it slow.
type lookup[T any] struct {
	buckets [][]named[T] // by the hashes of names; a power of two of them
	count   int
}

type named[T any] struct {
	name  string
	value T
}

// find is the value of a name, or the zero value.
func (l *lookup[T]) find(name string) (value T) {
	if len(l.buckets) == 0 {
		return value
	}
	for _, n := range l.buckets[hash(name)&(len(l.buckets)-1)] {
		if n.name == name {
			return n.value
		}
	}
	return value
}

// hash tells names apart: most differ in how long they are, in the middle, or
// towards the end.
func hash(name string) int {
	n := len(name)
	if n == 0 {
		return 0
	}
	letters := uint32(name[0]) | uint32(name[n/2])<<8 | uint32(name[n-1])<<16 | uint32(name[n-1-n/4])<<24
	return int((letters + uint32(n)*0x01010101) * 0x9e3779b1 >> 16)
}

// put sets the value of a name.
func (l *lookup[T]) put(name string, value T) {
	if 2*l.count >= len(l.buckets) {
		l.grow()
	}
	b := &l.buckets[hash(name)&(len(l.buckets)-1)]
	for i := range *b {
		if (*b)[i].name == name {
			(*b)[i].value = value
			return
		}
	}
	*b = append(*b, named[T]{name, value})
	l.count++
}

func (l *lookup[T]) grow() {
	wider := make([][]named[T], max(1, 2*len(l.buckets)))
	for name, value := range l.all() {
		at := hash(name) & (len(wider) - 1)
		wider[at] = append(wider[at], named[T]{name, value})
	}
	l.buckets = wider
}

// all goes through all names, in no order.
func (l *lookup[T]) all() iter.Seq2[string, T] {
	return func(yield func(string, T) bool) {
		for _, b := range l.buckets {
			for _, n := range b {
				if !yield(n.name, n.value) {
					return
				}
			}
		}
	}
}
