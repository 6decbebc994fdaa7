// Package config is sesame.yaml: what one server needs to know that is not in
// its flow files.
//
//	data_dir: data
//	flows: flows
//	slack:  {workspace: T012ABCDEF, app_token: "${env:SLACK_APP_TOKEN}", bot_token: "${file:bot-token}"}
//	aws:    {account: "111111111111"}
//	roles:  {admins: [admin@example.com]}
//	admin_channel: C012ABCDEF
//
// It promises that a Config is read strictly over the defaults, and that with
// anything wrong every problem comes back at once, each with its place in the
// file and the path of its key. Validating touches nothing: no file is opened,
// no name looked up.
//
// It refuses secrets in the file itself. The file names where they are, in the
// environment or in a file that only its owner can read, and ReadSecrets
// fetches them. Flow files reach what stands in flow_secrets, and nothing else.
package config
