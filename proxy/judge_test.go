package proxy_test

import (
	"strings"
	"testing"

	"sesame/proxy"
	"sesame/proxy/awsapi"
)

// TestEscalationsExist holds the list to what AWS has: a name that is spelled
// wrong would refuse nothing.
func TestEscalationsExist(t *testing.T) {
	table, err := awsapi.Load()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]*awsapi.Operation{}
	for _, o := range table.Operations() {
		known[o.Service.Name+":"+o.Name] = o
	}
	all := proxy.EscalationsForTest()
	for name, why := range all {
		switch o := known[name]; {
		case o == nil:
			t.Errorf("%s is not an operation of AWS", name)
		case o.ReturnsCredentials, o.OpensSession, o.Level == awsapi.Permissions:
			t.Errorf("%s is known from the models already", name)
		case why == "":
			t.Errorf("%s has no reason", name)
		}
	}
	if len(all) < 50 {
		t.Errorf("the list has %d operations", len(all))
	}
}

// TestTechniquesAreRefused holds the list to what is publicly known to reach
// from one's own access to somebody else's, or beyond its end, and to reads that
// only look like it.
func TestTechniquesAreRefused(t *testing.T) {
	table, err := awsapi.Load()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]*awsapi.Operation{}
	for _, o := range table.Operations() {
		known[o.Service.Name+":"+o.Name] = o
	}
	refused := func(name string) bool {
		o := known[name]
		if o == nil {
			t.Fatalf("%s is not an operation of AWS", name)
		}
		writes := o.Level != awsapi.List && o.Level != awsapi.Read
		return proxy.EscalationsForTest()[name] != "" || o.ReturnsCredentials || o.OpensSession || o.Level == awsapi.Permissions || writes && (o.TakesRole || o.TakesPolicy)
	}
	for _, name := range strings.Fields(`
		iam:CreatePolicyVersion iam:SetDefaultPolicyVersion iam:UpdateAssumeRolePolicy iam:AttachRolePolicy iam:CreateAccessKey
		lambda:UpdateFunctionCode lambda:AddPermission lambda:CreateEventSourceMapping lambda:PutFunctionEventInvokeConfig
		glue:CreateDevEndpoint glue:UpdateDevEndpoint glue:CreateJob glue:StartWorkflowRun
		sagemaker:CreatePresignedNotebookInstanceUrl sagemaker:UpdateNotebookInstanceLifecycleConfig sagemaker:UpdatePipeline
		ecs:RunTask ecs:CreateTaskSet ecs:RegisterContainerInstance ecs:ExecuteCommand
		cloudformation:CreateStack cloudformation:ExecuteChangeSet servicecatalog:ProvisionProduct cloudcontrol:CreateResource
		ec2:RunInstances ec2:CreateFleet ec2:ModifyInstanceAttribute ec2:CreateReplaceRootVolumeTask ec2:GetPasswordData
		ec2:ModifySnapshotAttribute ec2:ModifyImageAttribute ec2-instance-connect:SendSSHPublicKey ec2:EnableSerialConsoleAccess
		ssm:SendCommand ssm:StartAutomationExecution ssm:StartSession ssm:UpdateServiceSetting ssm:UpdateMaintenanceWindowTask
		s3:PutBucketPolicy s3:PutBucketReplication s3:PutBucketInventoryConfiguration s3:PutBucketLifecycleConfiguration
		kms:CreateGrant kms:PutKeyPolicy ram:CreateResourceShare rds:ModifyDBSnapshotAttribute secretsmanager:PutResourcePolicy
		ecr:SetRepositoryPolicy ecr:GetAuthorizationToken ecr:PutReplicationConfiguration codeartifact:GetAuthorizationToken
		sts:GetFederationToken sts:GetWebIdentityToken cognito-identity:GetCredentialsForIdentity cognito-identity:GetOpenIdToken
		eks:CreateAccessEntry eks:CreatePodIdentityAssociation sso-oidc:CreateTokenWithIAM
		iot:CreateProvisioningClaim iotsecuretunneling:OpenTunnel greengrassv2:CreateDeployment apigateway:PutRestApi apigateway:UpdateRestApi
		events:PutTargets scheduler:CreateSchedule pipes:CreatePipe stepfunctions:StartExecution stepfunctions:RedriveExecution
		bedrock-agentcore:InvokeCodeInterpreter bedrock-agentcore:GetWorkloadAccessToken codebuild:StartBuild codebuild:StartCommandExecution
		appsync:UpdateFunction quicksight:GetDashboardEmbedUrl acm-pca:IssueCertificate
		organizations:CreateAccount redshift:GetClusterCredentials redshift-serverless:GetCredentials lightsail:GetInstanceAccessDetails
		imagebuilder:CreateComponent backup:PutBackupVaultAccessPolicy batch:SubmitJob emr:AddJobFlowSteps emr:GetClusterSessionCredentials
		config:StartRemediationExecution fis:StartExperiment mwaa:CreateCliToken synthetics:UpdateCanary elasticbeanstalk:UpdateEnvironment
		codepipeline:PollForJobs codepipeline:RetryStageExecution cloud9:CreateEnvironmentEC2 ec2:ModifyLaunchTemplate synthetics:StartCanaryDryRun
		ecs:UpdateExpressGatewayService ecs:UpdateDaemon mwaa:UpdateEnvironment autoscaling:BatchPutScheduledUpdateGroupAction dlm:UpdateLifecyclePolicy
		ssm:StartAssociationsOnce ssm:RegisterTargetWithMaintenanceWindow ssm:SendAutomationSignal iot-jobs-data:StartCommandExecution
		servicecatalog:CreateServiceAction servicecatalog:UpdateProvisionedProductProperties imagebuilder:CreateImageRecipe budgets:ExecuteBudgetAction
		guardduty:EnableOrganizationAdminAccount detective:EnableOrganizationAdminAccount fms:AssociateAdminAccount controltower:DisableControl
		verifiedpermissions:UpdatePolicy cognito-identity:SetPrincipalTagAttributeMap qbusiness:AssociatePermission lexv2-models:CreateResourcePolicyStatement
		wellarchitected:CreateWorkloadShare es:AuthorizeVpcEndpointAccess securitylake:CreateSubscriber imagebuilder:UpdateDistributionConfiguration
		emr:GetOnClusterAppUIPresignedURL redshift:GetIdentityCenterAuthToken sagemaker:CreatePresignedMlflowAppUrl cognito-idp:AddUserPoolClientSecret
		rds:ModifyDBInstance secretsmanager:RotateSecret vpc-lattice:UpdateService opensearch:UpdateDomainConfig redshift:ModifyCluster
		kinesis:PutResourcePolicy kinesis:DeleteResourcePolicy dsql:DeleteClusterPolicy cloudtrail:UpdateTrail ec2:CreateFlowLogs quicksight:DeleteCustomPermissions
	`) {
		if !refused(name) {
			t.Errorf("%s is let through", name)
		}
	}
	for _, name := range strings.Fields(`
		iam:GetPolicyVersion iam:ListAccessKeys lambda:GetFunction lambda:GetPolicy glue:GetDevEndpoint ecs:DescribeTasks
		ec2:DescribeInstanceAttribute ec2:DescribeSnapshotAttribute ec2:DescribeFleets ec2:GetConsoleOutput ssm:ListCommands
		ssm:DescribeSessions s3:GetBucketPolicy s3:GetBucketLifecycleConfiguration kms:ListGrants ecr:BatchGetImage ecr:GetRepositoryPolicy
		sts:GetCallerIdentity eks:DescribeAccessEntry iot:DescribeCertificate events:ListTargetsByRule apigateway:GetRestApi
		redshift:DescribeClusters organizations:ListAccounts ram:GetResourceShares codebuild:BatchGetBuilds stepfunctions:DescribeExecution
		billing:GetResourcePolicy glue:DescribeEntity glue:ListConnectionTypes quicksight:DescribeTopicPermissions ssm-sap:GetResourcePermission
		verifiedpermissions:IsAuthorized verifiedpermissions:GetPolicy codepipeline:ListWebhooks secretsmanager:DescribeSecret rds:DescribeDBInstances
		guardduty:ListOrganizationAdminAccounts cognito-idp:DescribeUserPoolClient imagebuilder:GetDistributionConfiguration
	`) {
		if refused(name) {
			t.Errorf("%s is refused", name)
		}
	}
}

func TestWildcards(t *testing.T) {
	for _, c := range []struct {
		pattern, s string
		want       bool
	}{
		{"*", "s3:getobject", true}, {"s3:*", "s3:getobject", true}, {"s3:get*", "s3:getobject", true}, {"s3:get*ing", "s3:getobjecttagging", true},
		{"s3:g?tobject", "s3:getobject", true}, {"s3:getobject", "s3:getobjectacl", false}, {"s3:*acl", "s3:getobject", false}, {"", "", true},
		{"", "x", false}, {"*a*b", "xaxxb", true}, {"*a*b", "xaxxbx", false}, {"?", "", false}, {"a**", "a", true}, {"*ab", "aab", true},
	} {
		if got := proxy.WildForTest(c.pattern, c.s); got != c.want {
			t.Errorf("%q matches %q: %v", c.pattern, c.s, got)
		}
	}
}
