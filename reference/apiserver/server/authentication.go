package server

import (
	"context"
	"crypto"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	genericapiserver "k8s.io/apiserver/pkg/server"

	"github.com/etalon-dev/etalon/reference/auth/authentication"
	"github.com/etalon-dev/etalon/reference/auth/bootstraptoken"
	"github.com/etalon-dev/etalon/reference/auth/clustertrust"
	"github.com/etalon-dev/etalon/reference/auth/serviceaccount"
)

// applyAuthentication says who a request is from. What authentication does in the background ends
// with ctx.
func (b *builtInServer) applyAuthentication(ctx context.Context, cfg *genericapiserver.Config) error {
	o := &b.options.Authentication
	signer, keys, err := o.ServiceAccounts.Keys()
	if err != nil {
		return err
	}
	b.keys = keys
	if b.issuer, err = serviceaccount.NewIssuer(o.ServiceAccounts.Issuers[0], signer); err != nil {
		return fmt.Errorf("--service-account-issuer: %w", err)
	}
	own, err := b.ownTokens(o, keys)
	if err != nil {
		return err
	}
	b.authentication, err = authentication.New(ctx, o, own)
	if err != nil {
		return err
	}
	cfg.Authentication = genericapiserver.AuthenticationInfo{
		APIAudiences:        o.Audiences(),
		Authenticator:       b.authentication,
		RequestHeaderConfig: b.authentication.RequestHeader,
	}
	if ca := b.authentication.ClientCA; ca != nil {
		if err := cfg.Authentication.ApplyClientCert(ca, cfg.SecureServing); err != nil {
			return err
		}
	}
	if h := b.authentication.RequestHeader; h != nil {
		return cfg.Authentication.ApplyClientCert(h.CAContentProvider, cfg.SecureServing)
	}
	return nil
}

// ownTokens check what this server issues itself, against the objects as they are stored now.
func (b *builtInServer) ownTokens(o *authentication.Options, keys []crypto.PublicKey) (authentication.Tokens, error) {
	get := b.stores.getters()
	bound, err := serviceaccount.NewAuthenticator(o.ServiceAccounts.Issuers, keys, o.Audiences(), get)
	if err != nil {
		return authentication.Tokens{}, err
	}
	legacy, err := serviceaccount.NewLegacyAuthenticator(keys, o.Audiences(), get, b.labelSecret)
	if err != nil {
		return authentication.Tokens{}, err
	}
	return authentication.Tokens{
		ServiceAccounts: []authenticator.Token{legacy, bound},
		Bootstrap:       bootstraptoken.New(get.Secret),
	}, nil
}

// publishTrust tells extension servers by what to know clients and this server. Readiness does not
// wait for it.
func (b *builtInServer) publishTrust(hook genericapiserver.PostStartHookContext) error {
	trust := clustertrust.Trust{ClientCA: b.authentication.ClientCA, RequestHeader: b.authentication.RequestHeader}
	go clustertrust.Publish(hook, b.client, trust)
	return nil
}

// trackTokens writes down since when the use of Secrets' tokens is noted.
func (b *builtInServer) trackTokens(hook genericapiserver.PostStartHookContext) error {
	go serviceaccount.Track(hook, b.client)
	return nil
}

func (b *builtInServer) labelSecret(ctx context.Context, secret *corev1.Secret, key, value string) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": secret.UID, "labels": map[string]string{key: value}}})
	if err != nil {
		return err
	}
	_, err = b.client.CoreV1().Secrets(secret.Namespace).Patch(ctx, secret.Name, types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}
