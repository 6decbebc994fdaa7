resource "aws_ssm_document" "sesame_frontend" {
  name            = "Sesame-FrontEnd"
  document_format = "JSON"
  document_type   = "Session"
  content         = <<-JSON
    {
      "schemaVersion": "1.0",
      "description": "The billing database",
      "sessionType": "Port",
      "parameters": {
        "localPortNumber": {
          "type": "String",
          "description": "The port on your own machine; 0 is any that is free.",
          "allowedPattern": "^[0-9]{1,5}$",
          "default": "0"
        }
      },
      "properties": {
        "host": "billing.internal.example",
        "portNumber": "5432",
        "type": "LocalPortForwarding",
        "localPortNumber": "{{ localPortNumber }}"
      }
    }
  JSON
}
