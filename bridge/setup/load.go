package setup

import (
	"fmt"
	"os"

	"go.mau.fi/util/configupgrade"
	"gopkg.in/yaml.v3"
	"maunium.net/go/mautrix/bridgev2"
	"maunium.net/go/mautrix/bridgev2/bridgeconfig"
	"maunium.net/go/mautrix/bridgev2/matrix/mxmain"
)

// checkFile checks a config file strictly as it stands there. It says nothing about values that the
// environment may still give, and needs no tokens: it is also for a config that waits for `-g`.
func (p *Program) checkFile(path string) (*yaml.Node, []Problem) {
	data, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil, []Problem{{What: "there is no file " + path, Remedy: "name it with -c, or write one with `crosschat init`"}}
	} else if err != nil {
		return nil, []Problem{{What: fmt.Sprintf("read it: %v", err)}}
	}
	s, err := newSchema(p.Bridge.Connector)
	if err != nil {
		return nil, []Problem{{What: err.Error()}}
	}
	top, problems := parseStrictly(data)
	if problems != nil {
		return nil, problems
	}
	return top, s.check(top)
}

// loadConfig reads a config as mxmain will, but strictly and without changing the file: keys and
// types as they stand there, then the values, with the environment's on top. The config is nil if it
// can't be used. The connector's own config is filled as a side effect, as mxmain does.
func (p *Program) loadConfig(path string) (*bridgeconfig.Config, []Problem) {
	top, problems := p.checkFile(path)
	if len(problems) > 0 {
		return nil, problems
	}
	example, err := mxmainExample(p.Bridge.Connector)
	if err != nil {
		return nil, []Problem{{What: err.Error()}}
	}
	data, _, err := configupgrade.Do(path, false, upgrader(p.Bridge.Connector, example))
	if err != nil {
		return nil, []Problem{{What: err.Error()}}
	}
	var cfg bridgeconfig.Config
	if err = yaml.Unmarshal(data, &cfg); err != nil {
		return nil, []Problem{{What: fmt.Sprintf("decode it: %v", err)}}
	}
	_, networkConfig, _ := p.Bridge.Connector.GetConfig()
	if networkConfig != nil {
		if err = cfg.Network.Decode(networkConfig); err != nil {
			return nil, []Problem{{Key: "network", What: err.Error()}}
		}
	}
	if cfg.EnvConfigPrefix != "" {
		if err = mxmain.UpdateConfigFromEnv(&cfg, networkConfig, cfg.EnvConfigPrefix); err != nil {
			return nil, []Problem{{
				Key: "environment " + cfg.EnvConfigPrefix + "*", What: err.Error(), Remedy: "correct the variable or remove it",
			}}
		}
	}
	problems = checkValues(&cfg)
	if validator, ok := p.Bridge.Connector.(bridgev2.ConfigValidatingNetwork); ok && len(problems) == 0 {
		if err = validator.ValidateConfig(); err != nil {
			problems = append(problems, Problem{Key: "network", What: err.Error()})
		}
	}
	for i := range problems {
		problems[i].Line = lineOf(top, problems[i].Key)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return &cfg, nil
}
