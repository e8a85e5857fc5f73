import { expect, test } from "vitest";
import { faults, load } from "../support/load-settings.ts";

test("an unknown name is a fault, with the nearest known one", () => {
  expect(faults({ MM4D_SMPT_PORT: "1", OTHER: "x" })).toEqual([
    "MM4D_SMPT_PORT is unknown. Did you mean MM4D_SMTP_PORT?",
  ]);
});

/** What Kubernetes sets for a Service. */
const linksOf = (service: string, ports: Readonly<Record<string, number>>): Record<string, string> => {
  const base = service.toUpperCase().replaceAll("-", "_");
  const [[first = "", port = 0] = []] = [Object.entries(ports)[0] ?? []];
  expect(first).not.toBe("");
  const links: Record<string, string> = {
    [`${base}_SERVICE_HOST`]: "10.0.0.1",
    [`${base}_SERVICE_PORT`]: String(port),
    [`${base}_PORT`]: `tcp://10.0.0.1:${port}`,
  };
  for (const [name, number] of Object.entries(ports)) {
    links[`${base}_SERVICE_PORT_${name.toUpperCase().replaceAll("-", "_")}`] = String(number);
    for (const protocol of ["tcp", "udp"]) {
      const place = `${base}_PORT_${number}_${protocol.toUpperCase()}`;
      links[place] = `${protocol}://[fd00::1]:${number}`;
      Object.assign(links, { [`${place}_PROTO`]: protocol, [`${place}_PORT`]: String(number), [`${place}_ADDR`]: "x" });
    }
  }
  return links;
};

test("Kubernetes' links to Services pass with a note, whatever those are called", () => {
  for (const service of ["mm4d", "mm4d-web", "mm4d-smtp-eu-1"]) {
    const links = linksOf(service, { smtp: 25, "http-admin": 8025 });
    const { notes, config } = load(links);
    expect([service, notes]).toEqual([service, [expect.stringContaining(`and ${Object.keys(links).length - 1} more`)]]);
    expect(notes[0]).toContain("enableServiceLinks: false");
    expect(config).toEqual(load({}).config);
  }
  expect(load({ MM4D_PORT: "tcp://10.0.0.1:25" }).notes[0]).toContain("MM4D_PORT is of Kubernetes");
  expect(load({ REDIS_PORT: "tcp://10.0.0.2:6379", REDIS_SERVICE_HOST: "10.0.0.2" }).notes).toEqual([]);
  // What only looks a little like one is as wrong as ever.
  for (const name of ["MM4D_PORT", "MM4D_SMPT_PORT", "MM4D_SERVICE", "MM4D_PORT_25", "MM4D_PORT_SMTP_TCP"]) {
    expect([name, faults({ [name]: "2525" }).length]).toEqual([name, 1]);
  }
});

test("a link under a setting's name says what put it there, and how to be without", () => {
  for (const [service, env] of [
    ["mm4d-smtp", "MM4D_SMTP_PORT"],
    ["mm4d-admin", "MM4D_ADMIN_PORT"],
    ["mm4d-smtps", "MM4D_SMTPS_PORT"],
  ] as const) {
    const certificate = { MM4D_TLS_CERT_FILE: "c", MM4D_TLS_KEY_FILE: "k" };
    expect(faults({ ...linksOf(service, { main: 25 }), ...certificate })).toEqual([
      `${env} is "tcp://10.0.0.1:25", must be a whole number from 0 to 65535. Kubernetes put it there, for the Service "${service}": set enableServiceLinks: false in the pod's spec, or ${env} itself`,
    ]);
    // What the pod's spec says itself goes before a link.
    expect(load({ ...linksOf(service, { main: 25 }), ...certificate, [env]: "26" }).notes.length).toBe(1);
  }
});
