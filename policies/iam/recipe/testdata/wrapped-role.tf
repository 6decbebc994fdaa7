resource "aws_iam_role" "sesame_frontend" {
  name               = "Sesame-FrontEnd"
  assume_role_policy = <<-JSON
    {
      "Version": "2012-10-17",
      "Statement": [
        {
          "Sid": "Assume",
          "Effect": "Allow",
          "Principal": {
            "AWS": "arn:aws:iam::111111111111:role/Sesame"
          },
          "Action": "sts:AssumeRole"
        },
        {
          "Sid": "SayWhoItIs",
          "Effect": "Allow",
          "Principal": {
            "AWS": "arn:aws:iam::111111111111:role/Sesame"
          },
          "Action": [
            "sts:SetSourceIdentity",
            "sts:TagSession"
          ]
        }
      ]
    }
  JSON
}
