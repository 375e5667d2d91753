"""The way of a command into Kafka, and of its reply back."""

from api.gateway.gateway import CommandGateway, Expectation, GatewayUnavailableError
from api.gateway.kafka import KafkaGateway
from api.gateway.memory import MemoryGateway, Sent

__all__ = [
    "CommandGateway",
    "Expectation",
    "GatewayUnavailableError",
    "KafkaGateway",
    "MemoryGateway",
    "Sent",
]
