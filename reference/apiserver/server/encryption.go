package server

import (
	"context"
	"fmt"

	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/options/encryptionconfig"
	"k8s.io/apiserver/pkg/server/options/encryptionconfig/controller"
	storagevalue "k8s.io/apiserver/pkg/storage/value"
)

// encryption is what turns objects into what etcd holds, nil if that is plain. Its health is part of
// /healthz and /readyz, not of /livez: a restart does not bring a key service back.
//
// https://kubernetes.io/docs/tasks/administer-cluster/encrypt-data/
func encryption(server context.Context, cfg *genericapiserver.Config, o Options) (storagevalue.ResourceTransformers, error) {
	if o.EncryptionConfigFile == "" {
		return nil, nil
	}
	if !o.EncryptionReload {
		config, err := loadEncryption(server, cfg, o)
		if err != nil {
			return nil, err
		}
		cfg.HealthzChecks = append(cfg.HealthzChecks, config.HealthChecks...)
		cfg.ReadyzChecks = append(cfg.ReadyzChecks, config.HealthChecks...)
		return encryptionconfig.StaticTransformers(config.Transformers), nil
	}
	ctx, cancel := context.WithCancel(server) // of the first transformers, which the dynamic ones own
	config, err := loadEncryption(ctx, cfg, o)
	if err != nil {
		cancel()
		return nil, err
	}
	dynamic := encryptionconfig.NewDynamicTransformers(config.Transformers, config.HealthChecks[0], cancel, config.KMSCloseGracePeriod)
	cfg.HealthzChecks, cfg.ReadyzChecks = append(cfg.HealthzChecks, dynamic), append(cfg.ReadyzChecks, dynamic)
	const name = "encryption-provider-config-automatic-reload"
	return dynamic, cfg.AddPostStartHook("start-"+name, func(genericapiserver.PostStartHookContext) error {
		go controller.NewDynamicEncryptionConfiguration(name+"-controller", o.EncryptionConfigFile, dynamic, config.EncryptionFileContentHash, cfg.APIServerID).Run(server)
		return nil
	})
}

func loadEncryption(ctx context.Context, cfg *genericapiserver.Config, o Options) (*encryptionconfig.EncryptionConfiguration, error) {
	config, err := encryptionconfig.LoadEncryptionConfig(ctx, o.EncryptionConfigFile, o.EncryptionReload, cfg.APIServerID)
	if err != nil {
		return nil, fmt.Errorf("--encryption-provider-config: %w", err)
	}
	return config, nil
}
