// Package awsapi tells what an HTTP request means to AWS: the service, the
// operation, the IAM actions, the access level, and the resources that its
// parameters name.
//
//	signed for   what decides                                  protocol
//	dynamodb     X-Amz-Target: DynamoDB_20120810.PutItem       JSON 1.0, 1.1
//	ec2          Action=RunInstances&Version=2016-11-15        query, ec2
//	monitoring   POST /service/Granite.../operation/GetMetric  RPC v2 CBOR
//	lambda       PUT /2015-03-31/functions/{FunctionName}/code REST JSON
//	s3           PUT /{Bucket}/{Key+} and X-Amz-Copy-Source    REST XML
//
// The service that a request is signed for selects the operations that it can
// be; host and shape select among them. All of that comes from one table,
// generated from public models and embedded in 260 KB, which is read the first
// time that it is asked for.
//
// It promises that a request which AWS could take for two operations is an
// error, not a guess: two protocols at once, an Action in the query and in the
// body, a repeated or oddly spelled parameter that decides, a path that is
// read differently once it is cleaned, an encoding that is not known. What is
// not in the table is unknown, and to be treated as a write: the zero Level is
// Write. Requests that a header or the path decides are classified without
// allocation; bodies are read for the query protocols only, and bounded.
//
// It refuses to judge: what may be done is for the rules to say. It opens no
// connection, and looks at no header that its caller does not hand in, so
// hand in those that were signed.
package awsapi

//go:generate sh -c "python3 generate/table.py $BOTOCORE_DATA $IAM_DATA > table.txt.gz"
//go:generate sh -c "python3 generate/homes.py > homes.txt"
