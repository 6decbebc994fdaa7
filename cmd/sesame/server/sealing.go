package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"

	"sesame/cmd/sesame/config"
	"sesame/proxy/api"
	"sesame/strategies/identitycenter"
	"sesame/strategies/partner"
	"sesame/strategies/rolesession"
)

// openSealer opens what secrets are sealed with, and what they were before.
func (s *Server) openSealer(ctx context.Context) (*rolesession.Sealer, error) {
	c := s.Config.Proxy
	now, err := s.sealer(ctx, c.SealingKey)
	if err != nil || c.FormerSealingKey == "" {
		return now, err
	}
	if _, err := os.Stat(s.sealerFile(c.FormerSealingKey)); err != nil {
		return nil, fmt.Errorf("former sealing key: %w", err) // and no fresh one in its place
	}
	former, err := s.sealer(ctx, c.FormerSealingKey)
	if err != nil {
		return nil, fmt.Errorf("former %w", err)
	}
	now.After(former)
	return now, nil
}

func (s *Server) sealer(ctx context.Context, key string) (*rolesession.Sealer, error) {
	if arn, inKMS := strings.CutPrefix(key, config.KMS); inKMS {
		return rolesession.OpenSealerInKMS(ctx, rolesession.KMSKey{ARN: arn, Wrapped: s.sealerFile(key), Connect: s.cloud.connect})
	}
	return rolesession.OpenSealer(key, s.Config.DataDir)
}

// sealerFile is where the keys of a sealer are. Those that KMS wraps are with the
// data, apart from those that another key of KMS wraps.
func (s *Server) sealerFile(key string) string {
	if !strings.HasPrefix(key, config.KMS) {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return filepath.Join(s.Config.DataDir, "sealing-"+hex.EncodeToString(sum[:4])+".kms")
}

// connect finds the server's own credentials in a region.
func (c *cloud) connect(ctx context.Context, region string) (aws.Config, error) {
	own := c.base
	own.Region = region
	cfg, _, err := identitycenter.Connect(ctx, own)
	return cfg, err
}

// rotateKey has secrets sealed with a fresh key. What a crash or an error leaves
// sealed with the one before is opened as it was, and sealed anew at the next
// start.
func (s *Server) rotateKey(ctx context.Context) (api.Rotated, error) {
	p, err := s.serving.proxy()
	if err != nil {
		return api.Rotated{}, err
	}
	if err := p.sealer.Rotate(ctx); err != nil {
		return api.Rotated{}, err
	}
	s.Log.Info().Msg("secrets are sealed with a fresh key")
	n, err := s.reseal(ctx, p)
	return api.Rotated{Resealed: n}, errors.Join(p.authority.Reseal(), err)
}

// reseal seals what is sealed with another key than now.
func (s *Server) reseal(ctx context.Context, p *served) (int, error) {
	n, err := rolesession.New(s.store, p.sealer, s.Clock).Reseal(ctx, s.store)
	ids, idsErr := partner.NewExternalIDs(s.store, p.sealer, s.Clock).Reseal(ctx)
	tokens, tokensErr := s.tokens.Reseal(ctx)
	kept, keptErr := p.recordings.Renew(ctx, p.sealer)
	if n += ids + tokens + kept; n > 0 {
		s.Log.Info().Int("secrets", n).Msg("sealed anew")
	}
	return n, errors.Join(err, idsErr, tokensErr, keptErr)
}

// resealAll seals, once the proxy is there, what is sealed with another key than
// now. What it cannot is opened as it was.
func (s *Server) resealAll(ctx context.Context, p *served) error {
	if _, err := s.reseal(ctx, p); err != nil && ctx.Err() == nil {
		s.Log.Error().Err(err).Msg("seal what is sealed with a former key")
	}
	return nil
}
