package console

import "kiket.dev/auth/server/clients"

func (c *Console) askDisableApplication(v *visit) (view, error) {
	return c.applicationView(v, "application_disable", "Disable ")
}

func (c *Console) disableApplication(v *visit) (view, error) {
	return c.setDisabled(v, true, "application-disabled")
}

func (c *Console) enableApplication(v *visit) (view, error) {
	return c.setDisabled(v, false, "application-enabled")
}

func (c *Console) setDisabled(v *visit, disabled bool, notice string) (view, error) {
	_, err := c.server.Clients.UpdateApplication(v.context(), v.caller, v.organizationID(), v.id("id"), clients.ApplicationUpdate{Disabled: &disabled})
	return goTo(v.applicationPath(), notice), err
}

func (c *Console) askRevokeApplicationTokens(v *visit) (view, error) {
	return c.applicationView(v, "application_tokens_revoke", "Revoke all access tokens of ")
}

func (c *Console) revokeApplicationTokens(v *visit) (view, error) {
	err := c.server.Clients.RevokeTokens(v.context(), v.caller, v.organizationID(), v.id("id"))
	return goTo(v.applicationPath(), "application-tokens-revoked"), err
}

func (c *Console) askDeleteApplication(v *visit) (view, error) {
	return c.applicationView(v, "application_delete", "Delete ")
}

func (c *Console) deleteApplication(v *visit) (view, error) {
	err := c.server.Clients.DeleteApplication(v.context(), v.caller, v.organizationID(), v.id("id"))
	return goTo(integrationsPath, "application-deleted"), err
}
