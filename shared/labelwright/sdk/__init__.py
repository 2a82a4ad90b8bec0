"""The SDK: what stands behind the calls of `import labelwright`; standard library only."""
