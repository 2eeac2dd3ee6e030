package console

import (
	"slices"
	"strings"

	"kiket.dev/auth/storage"
)

const (
	// searchBatch is how many items are looked through at a time, and searchBatches how
	// often for one page: a search that has found nothing by then goes on when asked to.
	searchBatch   = 200
	searchBatches = 25
	// searchFrom is from how many items on a list can be searched.
	searchFrom = 10
)

// finder is the form with which a list is searched by name.
type finder struct {
	Text  string            // what is looked for
	Label string            // what is looked through
	Keeps map[string]string // what else the address says
	Shown bool
}

// wanted is what a list is searched for.
func (v *visit) wanted() string { return strings.TrimSpace(v.query().Get("q")) }

// list returns the part of a list at path that ?before= asks for, only what has a text
// that holds ?q=, whatever the case, and the address of what follows, "" if nothing does.
func list[T any](v *visit, path string, all func(storage.Page) ([]T, error), id func(T) int64, texts func(T) []string) ([]T, string, error) {
	wanted := strings.ToLower(v.wanted())
	page := v.listPage()
	if wanted == "" {
		found, err := all(page)
		if err != nil {
			return nil, "", err
		}
		found, older := olderOf(v, path, found, id)
		return found, older, nil
	}
	page.Limit = searchBatch
	var found []T
	for range searchBatches {
		batch, err := all(page)
		if err != nil {
			return nil, "", err
		}
		for _, one := range batch {
			if slices.ContainsFunc(texts(one), func(text string) bool { return strings.Contains(strings.ToLower(text), wanted) }) {
				found = append(found, one)
			}
		}
		if len(found) > pageLimit || len(batch) < searchBatch {
			found, older := olderOf(v, path, found, id)
			return found, older, nil
		}
		page.Before = id(batch[searchBatch-1])
	}
	return found, withQuery(path, with(v.query(), "before", decimal(page.Before))), nil
}

// eachOf calls do with every item of a list.
func eachOf[T any](all func(storage.Page) ([]T, error), id func(T) int64, do func(T)) error {
	page := storage.Page{Limit: searchBatch}
	for {
		batch, err := all(page)
		if err != nil {
			return err
		}
		for _, one := range batch {
			do(one)
		}
		if len(batch) < searchBatch {
			return nil
		}
		page.Before = id(batch[searchBatch-1])
	}
}

// finder is that of a list of which so many items are shown; it is not worth its place
// above a short one.
func (v *visit) finder(label string, shown int, keeps ...string) finder {
	f := finder{Text: v.wanted(), Label: label, Keeps: map[string]string{}}
	f.Shown = shown >= searchFrom || f.Text != ""
	for _, name := range keeps {
		if text := v.text(name); text != "" {
			f.Keeps[name] = text
		}
	}
	return f
}
