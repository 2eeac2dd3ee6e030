package access

import (
	"fmt"
	"strings"

	"kiket.dev/auth/storage"
)

// Refusal says why something that the caller may do cannot be done as things
// stand. It matches [storage.ErrConflict].
type Refusal struct {
	Code    string // short and stable, such as last_admin
	Message string // for a person; no secret
	// Details are further members of the answer; nil: none.
	Details map[string]any
}

// Refuse returns a *Refusal.
func Refuse(code, format string, args ...any) error {
	return &Refusal{Code: code, Message: fmt.Sprintf(format, args...)}
}

func (r *Refusal) Error() string { return r.Message }

// Is makes every *Refusal match [storage.ErrConflict].
func (r *Refusal) Is(target error) bool { return target == storage.ErrConflict }

// Reason is why the caller was refused, without the words that every refusal has.
func Reason(err error) string {
	_, text, found := strings.Cut(err.Error(), ErrDenied.Error()+": ")
	if !found {
		text = err.Error()
	}
	text, _, _ = strings.Cut(text, "\n")
	return text
}

// ScopeError says that the caller would hand out more than it has. It matches [ErrDenied].
type ScopeError struct {
	Needed  storage.Scopes // what is to be handed out
	Missing storage.Scopes // what of it the caller lacks
}

func (e *ScopeError) Error() string {
	return fmt.Sprintf("%s: it would permit more than the credential that asks, which lacks %s", ErrDenied, strings.Join(e.Missing, ", "))
}

// Is makes every *ScopeError match [ErrDenied].
func (e *ScopeError) Is(target error) bool { return target == ErrDenied }
