resource "aws_iam_policy" "sesame_frontend" {
  name   = "Sesame-FrontEnd"
  policy = <<-JSON
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Sid": "StartOnTaggedInstances",
          "Effect": "Allow",
          "Action": "ssm:StartSession",
          "Resource": "arn:aws:ec2:eu-west-1:111111111111:instance/*",
          "Condition": {
            "StringEquals": {
              "ssm:resourceTag/Department": "FrontEnd"
            }
          }
        },
        {
          "Sid": "StartWithTheseDocuments",
          "Effect": "Allow",
          "Action": "ssm:StartSession",
          "Resource": "arn:aws:ssm:eu-west-1:111111111111:document/SSM-SessionManagerRunShell",
          "Condition": {
            "BoolIfExists": {
              "ssm:SessionDocumentAccessCheck": "true"
            }
          }
        },
        {
          "Sid": "EndAndResumeOwnSessions",
          "Effect": "Allow",
          "Action": [
            "ssm:ResumeSession",
            "ssm:TerminateSession"
          ],
          "Resource": "arn:aws:ssm:eu-west-1:111111111111:session/*",
          "Condition": {
            "StringEquals": {
              "ssm:resourceTag/aws:ssmmessages:session-id": "$${aws:userid}"
            }
          }
        },
        {
          "Sid": "OpenOwnChannel",
          "Effect": "Allow",
          "Action": "ssmmessages:OpenDataChannel",
          "Resource": "arn:aws:ssm:eu-west-1:111111111111:session/$${aws:userid}-*"
        },
        {
          "Sid": "LookAround",
          "Effect": "Allow",
          "Action": [
            "ec2:DescribeInstances",
            "ssm:DescribeInstanceInformation",
            "ssm:DescribeInstanceProperties",
            "ssm:GetConnectionStatus"
          ],
          "Resource": "*"
        }
      ]
    }
  JSON
}
