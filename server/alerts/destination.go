package alerts

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"kiket.dev/auth/server/access"
	"kiket.dev/auth/storage"
)

// sealedChannel is what of a channel is sealed.
type sealedChannel struct {
	URL     string `json:"url"`
	Signing string `json:"signing,omitempty"`
}

// newChannel checks the request and describes the channel.
func (s *Service) newChannel(organizationID int64, r ChannelRequest) (CreatedChannel, error) {
	made := CreatedChannel{Channel: storage.AlertChannel{
		OrganizationID: organizationID, Kind: r.Kind, Name: strings.TrimSpace(r.Name), CreatedAt: s.Clock(),
	}}
	var wrong error
	if made.Channel.Name != "" {
		wrong = storage.CheckName("name", r.Name)
	}
	switch r.Kind {
	case storage.EmailChannel:
		address, err := storage.ParseEmail("address", r.Address)
		if !r.URL.Empty() {
			err = errors.Join(err, storage.Invalidf("webhook_url", "is for the kinds slack and webhook"))
		}
		made.Channel.Address = address
		if wrong = errors.Join(wrong, err); wrong == nil && !s.Messenger.SendsMail() {
			wrong = access.Refuse("mail_not_configured", "this server sends no mail: its operator has set no mail server (KIKET_AUTH_SMTP_URL)")
		}
	case storage.SlackChannel, storage.WebhookChannel:
		wrong = errors.Join(wrong, s.sealURL(&made, r))
	default:
		wrong = errors.Join(wrong, storage.Invalidf("kind", "want email, slack or webhook"))
	}
	return made, wrong
}

func (s *Service) sealURL(made *CreatedChannel, r ChannelRequest) error {
	var wrong error
	if r.Address != "" {
		wrong = storage.Invalidf("address", "is for the kind email")
	}
	text := r.URL.Reveal()
	if err := s.Messenger.CheckURL(text); err != nil {
		return errors.Join(wrong, storage.Invalidf("webhook_url", "%s", err))
	}
	if wrong != nil {
		return wrong
	}
	kept := sealedChannel{URL: text}
	if r.Kind == storage.WebhookChannel {
		made.Signing = newSigningSecret()
		kept.Signing = made.Signing.Reveal()
	}
	plain, err := json.Marshal(kept)
	if err != nil {
		return err
	}
	made.Channel.Address = shown(text)
	made.Channel.Sealed, err = s.Sealer.Seal(plain, channelPurpose(made.Channel))
	return err
}

// channelPurpose binds what is sealed to its organization and kind: the id is not known
// when it is sealed.
func channelPurpose(c storage.AlertChannel) string {
	return fmt.Sprintf("alert-channel:%d:%s", c.OrganizationID, c.Kind)
}

// hintLength is how many characters of the end of a URL are shown: enough to tell two
// apart, too few to use one.
const hintLength = 4

// shown is what may be shown of a URL that is a secret: its host, and how it ends if it
// is long.
func shown(text string) string {
	u, err := url.Parse(text)
	if err != nil { // it was checked
		return ""
	}
	rest := strings.TrimPrefix(text, u.Scheme+"://"+u.Host)
	if len(rest) < 6*hintLength {
		return u.Host
	}
	return u.Host + "/…" + rest[len(rest)-hintLength:]
}

// SigningPrefix begins the secrets that messages to webhooks are signed with; the rest
// is base64 (https://www.standardwebhooks.com).
const SigningPrefix = "whsec_"

func newSigningSecret() storage.Secret {
	random := make([]byte, 32)
	_, _ = rand.Read(random) // never fails, see crypto/rand
	return storage.NewSecret(SigningPrefix + base64.StdEncoding.EncodeToString(random))
}

// destination opens where a channel leads.
func (s *Service) destination(c storage.AlertChannel) (Destination, error) {
	to := Destination{Kind: c.Kind, Address: c.Address, AddedBy: c.AddedBy}
	if c.Kind == storage.EmailChannel {
		return to, nil
	}
	plain, err := s.Sealer.Open(c.Sealed, channelPurpose(c))
	if err != nil {
		return to, fmt.Errorf("opening the address of alert channel %d: %w", c.ID, err)
	}
	var kept sealedChannel
	if err := json.Unmarshal(plain, &kept); err != nil {
		return to, fmt.Errorf("the address of alert channel %d cannot be read", c.ID)
	}
	to.URL, to.Signing = storage.NewSecret(kept.URL), storage.NewSecret(kept.Signing)
	return to, nil
}
