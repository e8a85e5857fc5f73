/** Tells each change of something to all that follow it. */
export interface News<Value> {
  follow(follower: (value: Value) => void): void;
  tell(value: Value): void;
}

export function createNews<Value>(): News<Value> {
  const followers: ((value: Value) => void)[] = [];
  return {
    follow: (follower) => void followers.push(follower),
    tell(value) {
      for (const follower of followers) follower(value);
    },
  };
}
