package storage

// Page asks for a part of a list whose newest, that is highest, ids come first.
// Since ids only grow, what is added meanwhile is before the first page and what
// is removed moves nothing.
type Page struct {
	Before int64 // only ids below it; 0: from the beginning
	Limit  int   // at most so many; must be positive
}
