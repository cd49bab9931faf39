"""Asks for a deployment, signed as Standard Webhooks says: send.py URL MODEL VERSION [ID]"""
import base64
import hashlib
import hmac
import json
import os
import sys
import time
import urllib.request

url, model, version = sys.argv[1:4]
# What tells this wish from others. Sent again under the same id, because no answer came say, it is done once.
wish = sys.argv[4] if len(sys.argv) > 4 else f"deploy-{model}-{version}"
secret = os.environ.get("DEPLOY_HOOK", "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")

body = json.dumps({"model": model, "version": int(version)}).encode()
at = str(int(time.time()))
key = base64.b64decode(secret.removeprefix("whsec_"))
signature = base64.b64encode(hmac.new(key, f"{wish}.{at}.".encode() + body, hashlib.sha256).digest()).decode()
headers = {"Content-Type": "application/json", "webhook-id": wish, "webhook-timestamp": at,
           "webhook-signature": "v1," + signature}
with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30) as answer:
    print(answer.status, answer.read().decode())
