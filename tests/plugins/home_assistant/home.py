"""A home with some devices, as a test finds it."""

from __future__ import annotations

from tests.plugins.home_assistant.server import FakeHomeAssistant
from voiced.plugins.builtin.home_assistant.house import Device, House


def furnish(server: FakeHomeAssistant) -> None:
    """Kitchen, living room and hall."""
    server.area("kitchen", "Kitchen")
    server.area("living_room", "Living Room")
    server.area("hall", "Hall")
    server.device("lamp_1", "living_room")
    server.entity("light.spots", "Spots", "off", area="kitchen", brightness=None)
    server.entity("light.counter", "Counter", "on", area="kitchen", brightness=128)
    server.entity("light.desk", "Desk Lamp", "off", device="lamp_1")
    server.entity("light.kitchen_lamp", "Lamp", "off", area="kitchen")
    server.entity("light.hall_lamp", "Lamp", "off", area="hall")
    server.entity("switch.coffee", "Coffee Machine", "off", area="kitchen")
    server.entity("fan.ceiling", "Ceiling Fan", "off", area="living_room")
    server.entity("cover.blinds", "Blinds", "open", area="living_room", device_class="blind", current_position=70)
    server.entity("cover.garage", "Garage Door", "closed", area="hall", device_class="garage")
    server.entity(
        "climate.hall",
        "Thermostat",
        "heat",
        area="hall",
        temperature=21,
        current_temperature=19.52,
        hvac_action="heating",
    )
    server.entity("lock.front", "Front Door", "locked", area="hall")
    server.entity("scene.movie", "Movie Night", "unknown", listed=False)
    server.entity("script.goodnight", "Good Night", "off", listed=False)
    server.entity(
        "sensor.hall_temperature",
        "Hall Temperature",
        "19.52",
        area="hall",
        device_class="temperature",
        unit_of_measurement="°C",
    )
    server.entity("binary_sensor.window", "Kitchen Window", "on", area="kitchen", device_class="window")
    server.entity("light.attic", "Attic", "unavailable")
    server.entity("sensor.uptime", "Uptime", "12", registry={"entity_category": "diagnostic"})
    server.entity("light.secret", "Secret", "on", registry={"hidden_by": "user"})


def house_of(server: FakeHomeAssistant, *domains: str) -> House:
    """What is known once everything was read."""
    from voiced.plugins.builtin.home_assistant.settings import DOMAINS

    house = House(domains or DOMAINS)
    house.begin(house.read_registry(server.areas, server.devices, server.entities))
    house.load(house.read_states(list(server.states.values()), house.registry))
    return house


def devices(*domains: str) -> tuple[Device, ...]:
    """The devices of the furnished home."""
    server = FakeHomeAssistant()
    furnish(server)
    return house_of(server, *domains).devices
